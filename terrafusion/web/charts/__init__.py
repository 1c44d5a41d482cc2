"""Charts as geometry: numbers in, shapes and labels out. A template draws them."""
