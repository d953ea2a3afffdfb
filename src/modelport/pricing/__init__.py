"""Usage × rates → money: the only place where a cost is computed."""
