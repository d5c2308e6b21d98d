"""This file puts its folder on the path of imports: the folders below it share its modules."""
