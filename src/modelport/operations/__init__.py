"""What can be asked of a model: one module for each operation, with its call and the usage it meters."""
