"""PostgreSQL: one module and one file of named queries per aggregate. No transaction is opened here."""
