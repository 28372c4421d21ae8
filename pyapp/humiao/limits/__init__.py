"""Limits on claims (疫苗预约限制): rules as data, judged by a pure core; a refusal names the rule and its end."""
