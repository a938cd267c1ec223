"""What a receiver on a drive measures: its sky, its errors, and what it does below the ground."""
