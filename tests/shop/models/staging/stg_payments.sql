select
    payment_id,
    order_id,
    method,
    amount,
    amount < 0 as is_refund,
    paid_at
from {{ source('erp', 'payments') }}
