"""The words and the rules of Sixin: no input or output, no clock, no chance, no asyncio."""
