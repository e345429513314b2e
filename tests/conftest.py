"""What holds for all tests."""

import gc

# Thousands of tests leave large heaps behind; looking through them every 700 objects cost a sixth of the time.
gc.set_threshold(20_000, 20, 50)
