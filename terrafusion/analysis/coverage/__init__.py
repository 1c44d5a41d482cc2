"""What a county's records cover: of the roll by its sales, of cells by enough sales, of columns by values."""
