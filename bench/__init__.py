"""How much Modelport costs, next to nginx doing no more than passing the same bytes on."""
