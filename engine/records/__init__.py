"""The SQL side: what became of every message, and the accounts. SQLite by default, MySQL or MariaDB by URL."""
