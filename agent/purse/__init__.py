"""Paying with a transit purse: fare → intent, durable → debit → what became of it, durable."""
