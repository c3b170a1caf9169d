"""What every part that talks to a Kubernetes API needs: an account, what it may, and what the server says."""
