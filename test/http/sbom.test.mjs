// The software bill of materials that make sbom writes: CycloneDX, complete enough to look up vulnerabilities.
import test from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const bill = JSON.parse(readFileSync(process.env.MEDREC_SBOM, "utf8"));
const named = (pattern) => bill.components.filter(({ name }) => pattern.test(name));

test("it describes medrec, in the version that the server runs", () => {
	assert.equal(bill.bomFormat, "CycloneDX");
	assert.equal(bill.specVersion, "1.5");
	assert.match(bill.serialNumber, /^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
	assert.equal(bill.metadata.component.name, "medrec");
	assert.match(bill.metadata.component.version, /^\d+\.\d+(\.\d+)?$/);
	assert.match(bill.metadata.component.hashes[0].content, /^[0-9a-f]{64}$/);
});

test("it contains the server, the gateway and the libraries that do cryptography and parse XML", () => {
	for (const pattern of [/^postgresql-\d+$/, /^nginx/, /^postgrest-/, /^libssl\d/, /^libxml2/, /^libc6$/]) {
		assert.equal(named(pattern).length, 1, String(pattern));
	}
});

test("every component has a version, a package URL that agrees with it, and a name of its own", () => {
	for (const { name, version, purl } of bill.components) {
		assert.ok(version, name);
		assert.equal(decodeURIComponent(purl).replace(/\?.*/, "").replace(/^pkg:(deb\/debian|npm)\//, ""), `${name}@${version}`);
	}
	const refs = bill.components.map((component) => component["bom-ref"]);
	assert.equal(new Set(refs).size, refs.length);
	assert.deepEqual(bill.dependencies[0].dependsOn, refs);
});

test("an npm package has the checksum of the lock file", () => {
	const [postgrest] = named(/^postgrest-/);
	assert.equal(postgrest.hashes[0].alg, "SHA-512");
	assert.match(postgrest.hashes[0].content, /^[0-9a-f]{128}$/);
});
