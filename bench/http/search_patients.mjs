// GET /api/rpc/search_patients of a large database, through the gateway: the median and the 95th percentile of each kind of
// query. It adds patients until there are PATIENTS (1000000), as the owner and with the triggers disabled; they stay.
//   gateway/medrec exec node bench/http/search_patients.mjs [PATIENTS] [REQUESTS]
import http from "node:http";
import { execFileSync } from "node:child_process";

const [wanted, requests] = [Number(process.argv[2] ?? 1000000), Number(process.argv[3] ?? 200)];
const psql = (text) => execFileSync("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-"], { input: text, encoding: "utf8" }).trim();

// an index that is built at the end is built in a tenth of the time
psql(`SET session_replication_role = replica; SELECT setseed(0.5);
BEGIN;
CREATE TEMPORARY TABLE names AS SELECT pg_get_indexdef('medrec.patient_name_words_idx'::regclass) AS definition;
DROP INDEX medrec.patient_name_words_idx;
INSERT INTO medrec.patient (name, age, gender, patient_id, birth_date)
SELECT (ARRAY['James','Mary','Jürgen','Zoë','José','Renée','Søren','Łukasz','François','Ömer','Olga','Wei','Fatima','Emma','Noah','Liam','Chen','Priya','Omar','Ingrid'])[1 + i % 20] || ' ' ||
	CASE WHEN random() < 0.06 THEN (ARRAY['Smith','Müller','García','Nguyen','Jones'])[1 + (random() * 4)::integer] ELSE
	(ARRAY['Ander','Mac','John','Will','Peter','Hans','Schmi','Gonza','Rodri','Kowal','Niel','Berg','Lind','Mar','Tor','Fitz','Van','Del','Ras','Kra','Hol','Ste','Bro','Cla','Dun','Eri','Fre','Gra','Har','Ive'])[1 + (random() * 29)::integer] ||
	(ARRAY['a','e','i','o','u','al','en','er','in','ol','ar','is','on','un'])[1 + (random() * 13)::integer] ||
	(ARRAY['son','sen','man','dez','ski','ton','ley','berg','feld','quist','strom','well','wood','ford','hart','er','ard','ini','elli','eau'])[1 + (random() * 19)::integer] END,
	40, 'unknown', 'B' || lpad(i::text, 9, '0'), date '1930-01-01' + (random() * 33000)::integer
FROM generate_series((SELECT count(*) FROM medrec.patient) + 1, ${wanted}) AS i ON CONFLICT DO NOTHING;
SELECT definition FROM names \\gexec
COMMIT;`);
psql("VACUUM ANALYZE medrec.patient");

const agent = new http.Agent({ keepAlive: true });
const base = new URL(process.env.MEDREC_URL ?? "http://localhost:8080/api");
const ask = (q) => new Promise((resolve, reject) => {
	const began = process.hrtime.bigint();
	http.get({ agent, host: base.hostname, port: base.port, path: `/api/rpc/search_patients?q=${encodeURIComponent(q)}` }, (answer) => {
		let text = "";
		answer.on("data", (part) => { text += part; });
		answer.on("end", () => resolve({ ms: Number(process.hrtime.bigint() - began) / 1e6, rows: JSON.parse(text).length, status: answer.statusCode }));
	}).on("error", reject);
});

console.log("| query | rows | p50 ms | p95 ms |\n|---|---|---|---|");
const all = [];
for (const [what, make] of [
	["record number", (i) => `B${String(1 + (i * 7919) % wanted).padStart(9, "0")}`], ["beginning of a number", (i) => `B${String(i * 17).padStart(7, "0")}`.slice(0, 8)],
	["birth date", (i) => `19${40 + (i % 50)}-0${1 + (i % 9)}-1${i % 10}`], ["first and last name", (i) => `${["jose", "mary", "renee"][i % 3]} ${["garcia", "muller", "andersen"][i % 3]}`],
	["last name", (i) => ["smith", "andersen", "kowalski"][i % 3]], ["beginning", (i) => ["kowa", "schmia", "rodriol"][i % 3]], ["part", (i) => ["dersen", "bergson", "waldez"][i % 3]],
	["a slip", (i) => ["garcai", "kowalksi", "andresen"][i % 3]],
]) {
	const times = [];
	let rows = 0;
	for (let i = 0; i < requests + 20; i++) {
		const answer = await ask(make(i));
		if (answer.status !== 200) throw new Error(`${what}: ${answer.status}`);
		rows = Math.max(rows, answer.rows);
		// the first fill caches
		if (i >= 20) times.push(answer.ms);
	}
	times.sort((a, b) => a - b);
	all.push(...times);
	console.log(`| ${what} | ${rows} | ${times[times.length >> 1].toFixed(2)} | ${times[Math.floor(times.length * 0.95)].toFixed(2)} |`);
}
all.sort((a, b) => a - b);
console.log(`| all | | ${all[all.length >> 1].toFixed(2)} | ${all[Math.floor(all.length * 0.95)].toFixed(2)} |`);
agent.destroy();
