"""A trained model that answers: what the server and the predict step have in common."""
