"""What is particular to PostgreSQL; loaded only where a database URL names one."""
