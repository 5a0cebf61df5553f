"""Rules as rows: about what, of whom, how long it must last, how bad it is; written by people, or shipped."""
