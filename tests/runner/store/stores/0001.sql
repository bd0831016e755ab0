BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE circuits (
	run_id VARCHAR(120) NOT NULL, 
	identity VARCHAR(64) NOT NULL, 
	position INTEGER NOT NULL, 
	point INTEGER NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	stem VARCHAR(200) NOT NULL, 
	shots INTEGER NOT NULL, 
	seed VARCHAR(20) NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	attempts INTEGER NOT NULL, 
	counts BLOB, 
	num_bits INTEGER, 
	job VARCHAR(200), 
	failure TEXT, 
	PRIMARY KEY (run_id, identity), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "circuits" VALUES('20260101T000000Z-test','4f6962e098db79df479b683cc208109c60a4fd9ffac6fb6bef8c7ac621d8144f',0,0,'n02-clone1-unitary-bsm-bell-r0','n02-clone1-unitary-bsm-bell',20,'7793815377277409562','counted',1,X'789C6360C0040000140001',2,'rh-000001',NULL);
INSERT INTO "circuits" VALUES('20260101T000000Z-test','7f8b511bf9a49b9ac7846c807791f4b8b875f57ae4b505d27d4c61810505f164',1,1,'n02-clone1-unitary-bsm-bell-r1','n02-clone1-unitary-bsm-bell',20,'8308920433220141541','assigned',1,NULL,NULL,NULL,NULL);
INSERT INTO "circuits" VALUES('20260101T000000Z-test','d8a2836ee627102804de1c2798899b6e1b042a11dbda72b02670d427f32e5c1e',2,2,'n02-clone1-unitary-bsm-bell-r2','n02-clone1-unitary-bsm-bell',20,'952294050341054532','assigned',0,NULL,NULL,NULL,NULL);
CREATE TABLE moves (
	id INTEGER NOT NULL, 
	tag VARCHAR(120) NOT NULL, 
	at FLOAT NOT NULL, 
	source VARCHAR(12) NOT NULL, 
	target VARCHAR(12) NOT NULL, 
	note TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(tag) REFERENCES submissions (tag)
);
INSERT INTO "moves" VALUES(1,'20260101T000000Z-test-0',1800000000.0,'planned','intent','');
INSERT INTO "moves" VALUES(2,'20260101T000000Z-test-1',1800000000.0,'planned','intent','');
INSERT INTO "moves" VALUES(3,'20260101T000000Z-test-2',1800000000.0,'planned','intent','');
INSERT INTO "moves" VALUES(4,'20260101T000000Z-test-0',1800000000.0,'intent','sent','attempt 1');
INSERT INTO "moves" VALUES(5,'20260101T000000Z-test-0',1800000000.0,'sent','accepted','job rh-000001');
INSERT INTO "moves" VALUES(6,'20260101T000000Z-test-1',1800000000.0,'intent','sent','attempt 1');
INSERT INTO "moves" VALUES(7,'20260101T000000Z-test-1',1800000000.0,'sent','intent','submitting the job with tag ''20260101T000000Z-test-1'' was refused, nothing was done: HTTP 403: not allowed');
INSERT INTO "moves" VALUES(8,'20260101T000000Z-test-0',1800000000.0,'accepted','done','');
INSERT INTO "moves" VALUES(9,'20260101T000000Z-test-0',1800000000.0,'done','analysed','');
CREATE TABLE points (
	run_id VARCHAR(120) NOT NULL, 
	position INTEGER NOT NULL, 
	"row" TEXT NOT NULL, 
	PRIMARY KEY (run_id, position), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "points" VALUES('20260101T000000Z-test',0,'{"index": 0, "predicted": 1.0, "transpiler_seed": null, "candidates": [1.0], "row": {"experiment": "entanglement", "n": 2, "level": null, "r": null, "scenario": null, "clone": 1, "strategy": "unitary", "estimator": "bsm", "backend": "stim", "device": "ideal", "seed": 1, "repeat": 0, "qubits": 6, "two_qubit_layers": 14, "two_qubit_gates": 16, "shots": 20, "value": null, "std_err": null, "ci_low": null, "ci_high": null, "noise_floor": 0.25, "witness_threshold": 0.5, "witnessed": null, "predicted": 1.0, "published": null, "published_err": null, "certificate": "proved", "jobs": []}}');
INSERT INTO "points" VALUES('20260101T000000Z-test',1,'{"index": 0, "predicted": 1.0, "transpiler_seed": null, "candidates": [1.0], "row": {"experiment": "entanglement", "n": 2, "level": null, "r": null, "scenario": null, "clone": 1, "strategy": "unitary", "estimator": "bsm", "backend": "stim", "device": "ideal", "seed": 1, "repeat": 1, "qubits": 6, "two_qubit_layers": 14, "two_qubit_gates": 16, "shots": 20, "value": null, "std_err": null, "ci_low": null, "ci_high": null, "noise_floor": 0.25, "witness_threshold": 0.5, "witnessed": null, "predicted": 1.0, "published": null, "published_err": null, "certificate": "proved", "jobs": []}}');
INSERT INTO "points" VALUES('20260101T000000Z-test',2,'{"index": 0, "predicted": 1.0, "transpiler_seed": null, "candidates": [1.0], "row": {"experiment": "entanglement", "n": 2, "level": null, "r": null, "scenario": null, "clone": 1, "strategy": "unitary", "estimator": "bsm", "backend": "stim", "device": "ideal", "seed": 1, "repeat": 2, "qubits": 6, "two_qubit_layers": 14, "two_qubit_gates": 16, "shots": 20, "value": null, "std_err": null, "ci_low": null, "ci_high": null, "noise_floor": 0.25, "witness_threshold": 0.5, "witnessed": null, "predicted": 1.0, "published": null, "published_err": null, "certificate": "proved", "jobs": []}}');
CREATE TABLE programs (
	run_id VARCHAR(120) NOT NULL, 
	stem VARCHAR(200) NOT NULL, 
	logical BLOB NOT NULL, 
	compiled BLOB NOT NULL, 
	document TEXT NOT NULL, 
	PRIMARY KEY (run_id, stem), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "programs" VALUES('20260101T000000Z-test','n02-clone1-unitary-bsm-bell',X'789CC556CD4E8340101E160A164D4C7AF6E2039848F401FC39D4C668A2786834C61044C3A5C24A0F468D179FD05B9F46D91F76B780B24B9A3809748699F9F8E667432F26E1E9E46A845C044CAC2CE7DA16F80FB0562A6E79556EC46D229BE416A7389EA7C5CE7EC09FC2EB7B6E1120B02CEB923C90E62151A889881912459AE7A5E2C42218537861C6545105C1F0B1FCB1417AD027D4E43E89F14B56DC05E0B16AEC250489B9A144D74AB1C9FB7368CAA06A5A8B8FC8C9382A929C06544D43CD285AE2F175150B2C411B7BB534A62236A76186BC512799509F772879FF53377A0FC5826F4584BFB9B0E33A4432630BBBDBB5B0BE127D305ABC7DEC6D7F752DACFEF891E9BE687628ECB38B609A60CC5E77DB971364437F2D77DAFBEC994C8BD36FDD3983A3B3F2690B6C93D6D2E139FAD8B601B64D6E03F0609D7ADD660295A308E334C1194EB2084745FA3493450B8A14CB6180439E68B7E3C9535D832899F83A4C78BE0E11FF4F22E27BC8959BE056F6BC6A8E16250ED04DC970ABBA3F21CAC67A2A504BE859123DCF310B8E4D3310FBCFD176AA7E00A931CB74',X'789C0BF40CF6F60C11626263628000C68242284B86812B8D8103C8600362983413940F02CA202239B328B934B344D7C4D041E8664DBDB1E2A5EADA424690410C8C8C8C41202508AE238801E63281B8C1200682EB0764B024C31517818D877393C10C54C00A73340376E0E19E58920AF10FCCD14C98AAC0563847C0D51682C588369B8978A5CC2438830944B090A0811944B032B033708365D93035808153625151666A5141516A4162516249667E1EC2D3707BC166B1400C24D1054C246860242EFC8211414DB2D934743D135951CA08D780D3BB11E4F817CD70A29DCFCEC0059625905E52F3928B2A0B88482E44670622D276145A66A0459E24258B119B2350DD4D384C82C9703709D9868480A365A4B0109BD65252894C6B2416EA24842E03D0AD48066151EA9B9A585C5A04519C4CAA0E26486DF61F09C0540100C10D925A','{"label": "bell", "checks": [{"bits": [1], "parity": 0}, {"bits": [0], "parity": 0}], "certificate": {"status": "proved", "two_qubit_gates": 16, "two_qubit_layers": 14, "ran_two_qubit_gates": null, "ran_two_qubit_layers": null, "checks": [["stages", true], ["state after preparation", true], ["state after encryption", true], ["state after decryption", true], ["no early measurement", true], ["noise qubits untouched", true], ["outcome law", true]], "remark": ""}, "predicted_success": 1.0}');
CREATE TABLE runs (
	id VARCHAR(120) NOT NULL, 
	created_at FLOAT NOT NULL, 
	provider VARCHAR(40) NOT NULL, 
	cancelled INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES('20260101T000000Z-test',0.0,'rehearsal',0,'{"resolved": {"name": "test", "experiment": {"kind": "entanglement", "n": [2], "decrypt": {"clone": [1], "strategy": ["unitary"]}, "estimator": ["bsm"]}, "backend": {"provider": "stim", "device": "ideal"}, "compile": {"strategy": "stock", "seeds": 4}, "suppression": {"dynamical_decoupling": "none", "twirling": false, "readout_mitigation": "none"}, "shots": 20, "repeats": 3, "seed": 1, "budget": {"qpu_seconds": null, "usd": null}}, "config": "", "device": null}');
CREATE TABLE submission_circuits (
	tag VARCHAR(120) NOT NULL, 
	position INTEGER NOT NULL, 
	identity VARCHAR(64) NOT NULL, 
	PRIMARY KEY (tag, position), 
	FOREIGN KEY(tag) REFERENCES submissions (tag)
);
INSERT INTO "submission_circuits" VALUES('20260101T000000Z-test-0',0,'4f6962e098db79df479b683cc208109c60a4fd9ffac6fb6bef8c7ac621d8144f');
INSERT INTO "submission_circuits" VALUES('20260101T000000Z-test-1',0,'7f8b511bf9a49b9ac7846c807791f4b8b875f57ae4b505d27d4c61810505f164');
INSERT INTO "submission_circuits" VALUES('20260101T000000Z-test-2',0,'d8a2836ee627102804de1c2798899b6e1b042a11dbda72b02670d427f32e5c1e');
CREATE TABLE submissions (
	tag VARCHAR(120) NOT NULL, 
	run_id VARCHAR(120) NOT NULL, 
	number INTEGER NOT NULL, 
	token VARCHAR(64) NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	provider_id VARCHAR(200), 
	sent_at FLOAT, 
	sends INTEGER NOT NULL, 
	forecast_qpu_seconds FLOAT NOT NULL, 
	forecast_usd FLOAT NOT NULL, 
	billed_qpu_seconds FLOAT, 
	billed_usd FLOAT, 
	message TEXT NOT NULL, 
	PRIMARY KEY (tag), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "submissions" VALUES('20260101T000000Z-test-0','20260101T000000Z-test',0,'a04b23a540f0292646381963ce34d071cc80bab04b2058a144ae26755c61fa55','analysed','rh-000001',1800000000.0,1,0.0,0.0,0.0,0.0,'job rh-000001');
INSERT INTO "submissions" VALUES('20260101T000000Z-test-1','20260101T000000Z-test',1,'c3c89ca24385b21b471ec2840a6eb00665b32603d43a15eb51c12cb35820caeb','intent',NULL,1800000000.0,1,0.0,0.0,NULL,NULL,'submitting the job with tag ''20260101T000000Z-test-1'' was refused, nothing was done: HTTP 403: not allowed');
INSERT INTO "submissions" VALUES('20260101T000000Z-test-2','20260101T000000Z-test',2,'cb78d518327cc48500fecb8df655afb05c707980082a9a6a614ac363d6a2e0d9','intent',NULL,NULL,0,0.0,0.0,NULL,NULL,'');
CREATE INDEX circuits_by_state ON circuits (run_id, state, position);
CREATE INDEX ix_submissions_run_id ON submissions (run_id);
CREATE INDEX ix_moves_tag ON moves (tag);
COMMIT;
