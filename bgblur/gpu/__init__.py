"""What keeps a GPU busy: recorded work, memory that it can reach by itself, a stream of its own."""
