// The requests of token_memory.sh. usage: node token_memory.mjs SOCKET TOKENS; KEYS is a key set, TOKEN a token of an account, PID PostgREST's.
import http from "node:http";
import { createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

const [socketPath, tokens] = [process.argv[2], Number(process.argv[3])];
const [head, body] = process.env.TOKEN.split(".");
const claims = JSON.parse(Buffer.from(body, "base64url"));
const { kid } = JSON.parse(Buffer.from(head, "base64url"));
const keys = JSON.parse(process.env.KEYS).keys;
const secret = Buffer.from((keys.find((key) => key.kid === kid) ?? keys[0]).k, "base64url");
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });

const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${process.env.PID}/status`, "utf8"))[1]) / 1024;
const sign = (key) => {
	const part = `${head}.${Buffer.from(JSON.stringify({ ...claims, jti: randomUUID() })).toString("base64url")}`;
	return `${part}.${createHmac("sha256", key).update(part).digest("base64url")}`;
};
const ask = (token) => new Promise((resolve, reject) => {
	http.get({ socketPath, agent, path: "/codes?limit=1", headers: { Authorization: `Bearer ${token}` } }, (answer) => {
		answer.resume();
		answer.on("end", () => resolve(answer.statusCode));
	}).on("error", reject);
});

for (const [kind, key] of [["good signature", secret], ["bad signature", Buffer.from("x".repeat(32))]]) {
	const seen = {};
	console.log(`${kind}: ${memory().toFixed(0)} MB before`);
	let sent = 0;
	const next = async () => {
		while (sent < tokens) {
			if (++sent % Math.ceil(tokens / 10) === 0) console.log(`  ${String(sent).padStart(9)}  ${memory().toFixed(0)} MB`);
			const status = await ask(sign(key));
			seen[status] = (seen[status] ?? 0) + 1;
		}
	};
	await Promise.all(Array.from({ length: 16 }, next));
	console.log(`  answers by status: ${JSON.stringify(seen)}`);
}
agent.destroy();
