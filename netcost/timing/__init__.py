"""How long a network takes."""
