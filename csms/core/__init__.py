"""The ground of the house: what every room stands on, and which knows none of them."""
