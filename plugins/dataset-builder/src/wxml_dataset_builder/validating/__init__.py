"""What is wrong with a dataset: its files, its arrays and attributes, its axes, its values, its statistics.

Every check yields one sentence for each fault. It takes nothing for granted that an earlier check has not shown.
"""
