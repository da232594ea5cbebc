# The private server and the tests; each target is a line of gateway/medrec or test/run. They find or install what they
# need, so the Makefile includes this first and asks for no PostgreSQL when one of them is made.
GATEWAY_TARGETS = demo start stop status load psql check check-all

ifneq ($(filter $(GATEWAY_TARGETS),$(MAKECMDGOALS)),)
.PHONY: $(GATEWAY_TARGETS)

demo start stop status load psql:
	@gateway/medrec $@

check:
	@test/run

# What takes hours: the same tests with the sizes of a release, and the other versions of PostgreSQL.
check-all: export MEDREC_TAMPERINGS ?= 1000
check-all: export MEDREC_HONEST ?= 1000
check-all: export MEDREC_CRASHES ?= 100
check-all: export MEDREC_CANCELS ?= 3000
check-all: export MEDREC_FUZZ_SECONDS ?= 600
check-all:
	@test/run
	@env -u MEDREC_TAMPERINGS -u MEDREC_HONEST -u MEDREC_CRASHES -u MEDREC_CANCELS -u MEDREC_FUZZ_SECONDS test/versions
endif
