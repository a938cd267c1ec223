"""`milepost-collector eta`: days out of files or the database, and how forecasts did on them."""
