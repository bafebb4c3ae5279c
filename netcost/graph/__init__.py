"""The data flow of one pass, and what an operator costs. No torch."""
