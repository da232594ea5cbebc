# The private server and the tests; each target is a line of gateway/medrec or test/run. They find or install what they
# need, so the Makefile includes this first and asks for no PostgreSQL when one of them is made.
GATEWAY_TARGETS = demo start stop status load psql sbom check check-all functions-page

ifneq ($(filter $(GATEWAY_TARGETS),$(MAKECMDGOALS)),)
.PHONY: $(GATEWAY_TARGETS)

demo start stop status load psql:
	@gateway/medrec $@

# What a server on this machine is made of: make -s sbom >medrec.cdx.json
sbom:
	@gateway/sbom

check:
	@test/run

# doc/functions.md, by a server of its own.
functions-page:
	@export MEDREC_RUN_DIR=/var/tmp/medrec-functions MEDREC_PGPORT=$${MEDREC_PGPORT:-15433} MEDREC_SEAL_INTERVAL=0; \
		gateway/medrec build && gateway/medrec cluster || exit; \
		PGHOST=$$(gateway/medrec exec printenv PGHOST) PGPORT=$$MEDREC_PGPORT PGUSER=postgres tools/functions-page >doc/functions.md.new && \
		mv doc/functions.md.new doc/functions.md; status=$$?; rm -f doc/functions.md.new; gateway/medrec reset; exit $$status

# The same tests with the sizes of a release, and the other versions of PostgreSQL: hours.
check-all:
	@MEDREC_TAMPERINGS=$${MEDREC_TAMPERINGS:-1000} MEDREC_HONEST=$${MEDREC_HONEST:-1000} MEDREC_CRASHES=$${MEDREC_CRASHES:-100} \
		MEDREC_CANCELS=$${MEDREC_CANCELS:-3000} MEDREC_FUZZ_SECONDS=$${MEDREC_FUZZ_SECONDS:-600} \
		MEDREC_BULK_PATIENTS=$${MEDREC_BULK_PATIENTS:-100000} test/run
	@test/versions
endif
