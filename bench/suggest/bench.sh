# medrec.suggest against pg_trgm and full-text search over the same codes, terms and queries, as bench/suggest/eval draws
# them: SEED (1), PER_SET (100) queries a set. Needs MEDREC_DATA.
# shellcheck shell=bash

PER_SET=${PER_SET:-100}
SUGGEST=$MEDREC_RUN_DIR/tmp/suggest
METHODS=${METHODS:-medrec gist_similarity gist_word gin_similarity gin_word fulltext}

prepare_suggest() {
	[ -n "$(data_dir)" ] || die "MEDREC_DATA is needed: the full releases"
	mkdir -p "$SUGGEST"
	(cd "$ROOT/bench/suggest" && gcc -std=c99 -O2 -DSEARCH_TUNABLE -I../../src -o "$SUGGEST/export" server_export.c data.c trace.c ../../src/search/*.c ../../src/codes/*.c -lm)
	MEDREC_DATA=$(data_dir) "$SUGGEST/export" "${SEED:-1}" "$PER_SET" "$SUGGEST"
	chmod -R a+rX "$SUGGEST"
	fresh_database bench_suggest
	note "loading codes and terms, indexing them for the peers"
	db bench_suggest -v dir="$SUGGEST" -f "$ROOT/bench/suggest/server_load.sql" >&2
	db bench_suggest -f "$ROOT/bench/suggest/server_ask.sql" >&2
	db bench_suggest -c "SELECT format('# %s codes and %s further terms; peers: %s rows', (SELECT count(*) FROM medrec.code),
		(SELECT count(*) FROM medrec.code_term) + (SELECT count(short_display) FROM medrec.code), (SELECT count(*) FROM bench.term))"
}

ask_all() {
	local set method
	while read -r set; do
		for method in $METHODS; do
			# no parallel workers: one query, one processor
			PGOPTIONS="-c max_parallel_workers_per_gather=0 -c jit=off -c pg_trgm.similarity_threshold=${SIMILARITY:-0.3} -c pg_trgm.word_similarity_threshold=${WORD_SIMILARITY:-0.5}" \
				db bench_suggest -v method="$method" -v set="$set" -f - <<-'SQL' >/dev/null
					SELECT bench.run(:'method', :'set', 10);
					DELETE FROM bench.cost WHERE method = :'method' AND set = :'set';
					DELETE FROM bench.answer AS a USING bench.query AS q WHERE q.id = a.id AND a.method = :'method' AND q.set = :'set';
					SELECT bench.run(:'method', :'set');
				SQL
		done
	done < <(db bench_suggest -c 'SELECT set FROM bench.query GROUP BY set ORDER BY min(id)')
}

bench_suggest() {
	prepare_suggest
	ask_all
	db bench_suggest -P format=aligned -P tuples_only=off -P footer=off <<'SQL'
\pset border 0
SELECT set, method, n, round(hit1, 1) AS "hit@1", round(hit5, 1) AS "hit@5", round(hit10, 1) AS "hit@10", round(compatible5, 1) AS "comp@5",
	round(p50::numeric, 3) AS "p50 ms", round(p99::numeric, 3) AS "p99 ms",
	round((p50 / first_value(p50) OVER (PARTITION BY set ORDER BY method <> 'medrec', method))::numeric, 1) AS "times medrec's p50"
FROM bench.score
ORDER BY (SELECT min(id) FROM bench.query AS q WHERE q.set = score.set), method <> 'medrec', method;
-- the held-out sets: a fifth of the index's and tabular list's terms and of the short titles
SELECT 'held-out sets' AS "mean of", method, round(avg(hit1), 1) AS "hit@1", round(avg(hit5), 1) AS "hit@5", round(avg(hit10), 1) AS "hit@10",
	round(avg(compatible5), 1) AS "comp@5", round(first_value(avg(hit5)) OVER w - avg(hit5), 1) AS "medrec's lead at 5"
FROM bench.score WHERE set IN ('index', 'inclusion', 'tables', 'short titles') GROUP BY method
WINDOW w AS (ORDER BY method <> 'medrec', method)
ORDER BY method <> 'medrec', method;
WITH total AS (
	SELECT method, avg(hit1) AS hit1, avg(hit5) AS hit5, avg(hit10) AS hit10, avg(compatible5) AS compatible5 FROM bench.score GROUP BY method
), speed AS (
	SELECT a.method, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50, percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) AS p99, avg(ms) AS mean
	FROM bench.answer AS a JOIN bench.query AS q USING (id) WHERE q.query IS NOT NULL GROUP BY method
), cost AS (
	SELECT method, sum(cpu_ms) / sum(n) AS cpu FROM bench.cost
	WHERE set IN (SELECT set FROM bench.query WHERE query IS NOT NULL) GROUP BY method
)
SELECT 'all sets' AS "mean of", method, round(hit1, 1) AS "hit@1", round(hit5, 1) AS "hit@5", round(hit10, 1) AS "hit@10",
	round(compatible5, 1) AS "comp@5", round(p50::numeric, 3) AS "p50 ms", round(p99::numeric, 3) AS "p99 ms", round(mean::numeric, 3) AS "mean ms",
	round((p50 / first_value(p50) OVER w)::numeric, 1) AS "p50 ratio", round((mean / first_value(mean) OVER w)::numeric, 1) AS "mean ratio",
	round(cpu, 3) AS "cpu ms", round(cpu / first_value(cpu) OVER w, 1) AS "cpu ratio"
FROM total JOIN speed USING (method) JOIN cost USING (method)
WINDOW w AS (ORDER BY method <> 'medrec', method)
ORDER BY method <> 'medrec', method;
SQL
	echo "(wanted, on held-out sets: mean hit@5 at least 80, hit@1 at least 65, 15 points over the better pg_trgm; p50 at most 0.3 ms, p99 at most 2 ms, 60 times the best pg_trgm)"
	image_figures
}

# What the shared image costs.
image_figures() {
	local connect i ask="SELECT count(*) FROM medrec.suggest('ICD-10-CM', NULL, 'diabetis with nefropathy')"
	echo 'the image'
	db bench_suggest <<-'SQL'
		-- private pages of this backend, without shared memory that nobody else has mapped
		CREATE FUNCTION bench.private_kb() RETURNS numeric LANGUAGE sql AS $$
			SELECT sum(substring(line FROM '\d+')::numeric) FROM (
				SELECT line, max(CASE WHEN line ~ '^[0-9a-f]+-' THEN lpad(n::text, 9, '0') || line END) OVER (ORDER BY n) AS mapping
				FROM regexp_split_to_table(pg_read_file('/proc/self/smaps'), '\n') WITH ORDINALITY AS l (line, n)
			) AS s WHERE line ~ '^Private_' AND mapping !~ '/dev/' $$;
	SQL
	# the first query after a change builds
	for i in 1 2 3 4 5; do
		db bench_suggest <<-SQL
			UPDATE medrec.abbreviation SET expansion = expansion WHERE abbreviation = 'htn';
			SELECT bench.cpu_ms() AS cpu, clock_timestamp() AS clock \\gset before_
			$ask \\g /dev/null
			SELECT extract(epoch FROM clock_timestamp() - :'before_clock') * 1000, bench.cpu_ms() - :before_cpu;
		SQL
	done | sort -n -t'|' | awk -F'|' '{ t[NR] = $1; c[NR] = $2 } END { m = int((NR + 1) / 2)
		printf "  built and asked in            %.0f ms, processor time %.0f ms (median of %d; wanted: at most 2,000)\n", t[m], c[m], NR }'
	db bench_suggest <<-SQL
		$ask \\g /dev/null
		SELECT '  size                          ' || round(max(('x' || lpad(split_part(split_part(l, ' ', 1), '-', 2), 16, '0'))::bit(64)::bigint
			- ('x' || lpad(split_part(split_part(l, ' ', 1), '-', 1), 16, '0'))::bit(64)::bigint) / 1048576.0, 1) || ' MB (wanted: at most 64)'
		FROM regexp_split_to_table(pg_read_file('/proc/self/maps'), '\n') AS l WHERE l LIKE '%/dev/shm/PostgreSQL.%';
	SQL
	# a backend's private memory before and after; the caches that any query fills are filled first
	db bench_suggest <<-SQL
		SELECT count(*) FROM medrec.code WHERE code_system = 'ICD-10-CM' AND code = 'E11.9' \\g /dev/null
		SELECT bench.private_kb() AS kb, sum(total_bytes) AS contexts FROM pg_backend_memory_contexts \\gset before_
		SELECT bench.private_kb() AS kb, sum(total_bytes) AS contexts FROM pg_backend_memory_contexts \\gset before_
		$ask \\g /dev/null
		SELECT bench.private_kb() AS kb, sum(total_bytes) AS contexts FROM pg_backend_memory_contexts \\gset after_
		SELECT bench.run('medrec', 'index') \\g /dev/null
		SELECT bench.run('medrec', 'misspelt 2') \\g /dev/null
		SELECT bench.private_kb() AS kb, sum(total_bytes) AS contexts FROM pg_backend_memory_contexts \\gset many_
		SELECT format('  a backend adds, one question  %s kB private, %s kB in memory contexts (wanted: at most 1,024)',
			:after_kb - :before_kb, round((:after_contexts - :before_contexts) / 1024.0));
		SELECT format('  a backend adds, %s more       %s kB private, %s kB in memory contexts', 2 * $PER_SET,
			:many_kb - :before_kb, round((:many_contexts - :before_contexts) / 1024.0));
	SQL
	# a new connection for each query, against a new connection for SELECT 1
	echo 'SELECT 1;' >"$SUGGEST/nothing.sql"
	echo "$ask;" >"$SUGGEST/ask.sql"
	for ((i = 1; i <= 9; i++)); do
		for connect in nothing ask; do
			echo "$connect $i $("$BINDIR/pgbench" -n -C -t 60 -c 1 -f "$SUGGEST/$connect.sql" bench_suggest 2>/dev/null |
				sed -n 's/^latency average = \([0-9.]*\) ms.*/\1/p')"
		done
	done | sort -s -r -k1,1 | awk '
		{ v[$1, $2] = $3; if ($2 > n) n = $2 }
		END { for (i = 1; i <= n; i++) { a[i] = v["ask", i]; d[i] = v["ask", i] - v["nothing", i] }
			for (i = 2; i <= n; i++) for (j = i; j > 1; j--) { if (a[j] < a[j-1]) { t = a[j]; a[j] = a[j-1]; a[j-1] = t } if (d[j] < d[j-1]) { t = d[j]; d[j] = d[j-1]; d[j-1] = t } }
			m = int((n + 1) / 2)
			printf "  new connection and question %8.2f ms, of it %.2f ms more than SELECT 1 (median of %d; wanted: at most 5)\n", a[m], d[m], n }'
}
