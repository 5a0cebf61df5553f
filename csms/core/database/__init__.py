"""Django's engine for PostgreSQL, with connections that outlive the request that opened them."""
