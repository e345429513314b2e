"""What a picture shows: decoding, quality."""
