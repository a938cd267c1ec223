-- Data as of schema 0009, above that of 0008: a webhook, its secret, what waits and a dead letter.
INSERT INTO webhook (url, types, queued_to, disabled_because)
VALUES ('https://old.example/hook', '{fence.}', 1, 'by hand');

INSERT INTO webhook_secret (webhook, secret)
VALUES (1, 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=');

INSERT INTO webhook_delivery (webhook, number, subject, attempts, status, error, dead_at)
VALUES (1, 1, 'old-2', 10, 500, 'answered 500', '2026-01-08T00:00:00Z'),
       (1, 2, 'old-2', 0, NULL, NULL, NULL);
