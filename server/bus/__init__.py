"""How several server processes, here and on other machines, tell each other what has changed."""
