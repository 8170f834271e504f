"""What tests share: small data, fake servers, repositories on disk."""
