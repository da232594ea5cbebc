# medrec: builds with PGXS against whatever PG_CONFIG names.
#
#   make && make install     the extension, into that PostgreSQL
#   make indent              lays out the C code, with pgindent
#   make installcheck        the tests of test/sql and test/specs, against the server there that PG* names
#   make demo | stop | check | check-all | load     see gateway/gateway.mk

include gateway/gateway.mk

# the targets there find or install what they need; all others are PGXS's
ifeq ($(filter $(GATEWAY_TARGETS),$(MAKECMDGOALS)),)

EXTENSION = medrec
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" medrec.control)
MODULE_big = medrec
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))
UPGRADES = $(notdir $(wildcard sql/upgrades/medrec--*--*.sql))
DATA_built = medrec--$(EXTVERSION).sql $(UPGRADES)
PG_CPPFLAGS = -I$(srcdir)/src -DMEDREC_VERSION='"$(EXTVERSION)"'
SHLIB_LINK += -lcrypto $(if $(filter linux,$(PORTNAME)),-Wl$(comma)--version-script=$(srcdir)/src/medrec.map)
EXTRA_CLEAN = build results output_iso $(EMBEDDED)
EMBEDDED = $(addprefix src/audit/, access_state.inc access_compare.inc access_script.inc)
comma = ,

# The pgTAP files and the isolation specs; their databases are UTF8 whatever the server's default is.
REGRESS = $(patsubst $(srcdir)/test/sql/%.sql,%,$(sort $(wildcard $(srcdir)/test/sql/*.sql)))
REGRESS_OPTS = --inputdir=$(srcdir)/test --encoding=UTF8
ISOLATION = $(patsubst $(srcdir)/test/specs/%.spec,%,$(sort $(wildcard $(srcdir)/test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(srcdir)/test --outputdir=. --encoding=UTF8 --load-extension=medrec

SQL_FILES = $(sort $(wildcard sql/[0-9]*.sql))
STEP_FILES = $(sort $(wildcard sql/migrations/*.sql))

PG_CONFIG ?= pg_config
# bitcode needs clang, which a user of medrec need not have
ifeq ($(shell command -v clang-$$(sed -n 's/^CLANG *= *.*clang-\([0-9]*\).*/\1/p' $$(dirname $$($(PG_CONFIG) --pgxs))/../Makefile.global 2>/dev/null) 2>/dev/null),)
with_llvm = no
endif
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# The install script: the topics in their order, then the migration steps as data.
medrec--$(EXTVERSION).sql: $(SQL_FILES) $(STEP_FILES) sql/assemble
	sh sql/assemble $(SQL_FILES) -- $(STEP_FILES) > $@.tmp && mv $@.tmp $@

# An upgrade script is its file in sql/upgrades/ and the steps of this version.
$(UPGRADES): medrec--%: sql/upgrades/medrec--% $(SQL_FILES) $(STEP_FILES) sql/assemble
	sh sql/assemble --upgrade $< -- $(STEP_FILES) > $@.tmp && mv $@.tmp $@

# What verify_access() goes by is in the library, as C strings, where no SQL reaches it.
quote_sql = sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/'
src/audit/access_state.inc src/audit/access_compare.inc: %.inc: %.sql
	$(quote_sql) $< > $@
src/audit/access_script.inc: medrec--$(EXTVERSION).sql
	$(quote_sql) $< > $@
src/audit/access_state.o src/audit/access_state.bc: src/audit/access_state.inc
src/audit/access_verify.o src/audit/access_verify.bc: src/audit/access_compare.inc
src/audit/access_replay.o src/audit/access_replay.bc: src/audit/access_script.inc

# headers are few: any change rebuilds all
$(OBJS): $(wildcard src/*/*.h)
src/base/version.o: medrec.control
medrec.so: src/medrec.map

# The layout of C, as PostgreSQL's own: pgindent comes with the development files of PostgreSQL 17 and later. Twice, since
# a comment that it breaks may be filled up the second time. tools/typedefs writes the list of types.
PGINDENT = $(bindir)/pgindent --indent=$(bindir)/pg_bsd_indent
.PHONY: indent
indent:
	$(PGINDENT) --typedefs=tools/typedefs.list src tools test bench
	$(PGINDENT) --typedefs=tools/typedefs.list src tools test bench

# "make -s print-REGRESS": what test/run counts by
print-%:
	@echo $($*)

endif
