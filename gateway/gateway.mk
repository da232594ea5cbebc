# The private server and the tests; each target is a line of gateway/medrec or test/run.
.PHONY: demo start stop status load psql check

demo start stop status load psql:
	@gateway/medrec $@

check:
	@test/run
