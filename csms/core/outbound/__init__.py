"""Requests that leave the house: to whom they may go, how they are signed, and how they are tried again."""
