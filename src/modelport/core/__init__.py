"""Words that everybody uses: money, ids, time and the root of all errors. Imports nothing of ours."""
