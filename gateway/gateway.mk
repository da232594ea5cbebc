# The private server and the tests; each target is a line of gateway/medrec or test/run. They find or install what they
# need, so none of them needs a PostgreSQL at the time make reads this.
GATEWAY_TARGETS = demo start stop status load psql check
.PHONY: $(GATEWAY_TARGETS)
.DEFAULT_GOAL := all

demo start stop status load psql:
	@gateway/medrec $@

check:
	@test/run
