"""What can be asked for and who sells it: models, providers, offers."""
