select
    month,
    department,
    gross_amount,
    round(gross_amount * 1.21, 2) as cost_amount
from {{ ref('payroll') }}
