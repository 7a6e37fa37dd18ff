{{ config(alias='customer_value') }}
select
    c.customer_id,
    c.full_name,
    count(p.order_id) as paid_orders,
    coalesce(sum(p.paid_amount - p.refunded_amount), 0) as lifetime_value
from {{ ref('stg_customers') }} as c
left join {{ ref('int_order_payments') }} as p
    on c.customer_id = p.customer_id and p.paid_amount > 0
group by all
