"""What the tests of the papers read from them."""
