select order_id, order_amount, paid_amount
from {{ ref('fct_orders') }}
where status = 'completed' and paid_amount < order_amount
