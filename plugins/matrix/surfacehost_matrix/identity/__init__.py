"""Who the account is to others: the keys that sign its devices, where they can be found again, and being verified."""
