"""The tables of the scorecard and every SQL statement over them."""
