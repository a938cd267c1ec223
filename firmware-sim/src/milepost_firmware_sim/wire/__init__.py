"""What fixes cost on the wire: our batches beside the formats of others, for any file."""
