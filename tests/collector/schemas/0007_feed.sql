-- Data as of schema 0007, above that of 0006: the feed was restored once.
INSERT INTO feed_past (id, last_number) VALUES ('00000000-0000-4000-8000-000000000009', 1);
