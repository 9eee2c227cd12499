"""What is said and shown of a model."""
