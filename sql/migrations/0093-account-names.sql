-- Usernames are compared without invisible characters and surrounding white space: the keys are computed again.
-- Of names that clash the first keeps the key, as in step 60.
DELETE FROM medrec.account_name;
INSERT INTO medrec.account_name (key, account_id)
	SELECT medrec.username_key(a.username), a.id FROM ONLY medrec.account AS a ORDER BY a.id
	ON CONFLICT DO NOTHING;

-- whether anybody has logged in from an address
CREATE INDEX login_address_known_idx ON medrec.login_address (address) WHERE last_login IS NOT NULL;
