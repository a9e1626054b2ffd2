"""What people are told: reasons, results, and the words of both languages."""
