# The private server and the tests; each target is a line of gateway/medrec or test/run. They find or install what they
# need, so the Makefile includes this first and asks for no PostgreSQL when one of them is made.
GATEWAY_TARGETS = demo start stop status load psql check

ifneq ($(filter $(GATEWAY_TARGETS),$(MAKECMDGOALS)),)
.PHONY: $(GATEWAY_TARGETS)

demo start stop status load psql:
	@gateway/medrec $@

check:
	@test/run
endif
