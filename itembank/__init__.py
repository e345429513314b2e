"""What is asked: items, banks, blueprints, papers, marks."""
