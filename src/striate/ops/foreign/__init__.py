"""What others compute."""
