"""RDS and Aurora: real PostgreSQL and MariaDB servers behind the API."""
